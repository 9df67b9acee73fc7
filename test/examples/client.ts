/** Logs in to an FTP server with Kerberos, and prints the current directory. */
import { connect } from 'node:net';
import { krb5Initiator } from 'rfc2228/krb5';
import { ClientControl, defaultCredentials } from 'rfc2228/node';

const [host = 'localhost', port = '21', service = `ftp@${host}`] = process.argv.slice(2);
const credentials = defaultCredentials(); // KRB5CCNAME, krb5.conf, /tmp/krb5cc_UID
const exchange = krb5Initiator({ credentials, service });
const control = new ClientControl(connect(Number(port), host), { mechanism: 'GSSAPI', exchange });
await control.start(); // greeting, AUTH, ADAT, PBSZ, PROT P
control.read(); // the greeting, which is not verified
control.end(`USER ${credentials.principal.name[0]}\r\nPWD\r\nQUIT\r\n`); // each as ENC
let replies = '';
for await (const text of control.setEncoding('utf8')) replies += text; // verified
console.log(/^257 .*$/m.exec(replies)?.[0]); // 257 "/" is the current directory
