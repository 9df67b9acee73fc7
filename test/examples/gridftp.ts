/** Logs in to a GridFTP server, and prints the current directory. */
import { connect } from 'node:net';
import { ClientControl, findGsiFiles, gsiInitiator, readGsiCredential, readTrustDirectory } from 'rfc2228/node';

const [server = 'localhost', port = '2811', address = server] = process.argv.slice(2);
const files = findGsiFiles('user'); // X509_USER_PROXY, /tmp/x509up_u…, ~/.globus
const trust = readTrustDirectory(files.trustDirectory ?? '/etc/grid-security/certificates'); // or X509_CERT_DIR
const exchange = gsiInitiator({ credential: readGsiCredential(files), trust, server });

const socket = connect(Number(port), address);
const control = new ClientControl(socket, { mechanism: 'GSSAPI', exchange, protection: 'clear' });
await control.start(); // AUTH, ADAT: a TLS handshake in which both sides show certificates
control.read(); // the greeting, which is not verified
control.write('USER :globus-mapping:\r\nPASS x\r\nPWD\r\nQUIT\r\n'); // ENC; after `end` some servers read no more
let replies = '';
for await (const text of control.setEncoding('utf8')) replies += text;
console.log(/^257 .*$/m.exec(replies)?.[0]); // 257 "/" is the current directory
