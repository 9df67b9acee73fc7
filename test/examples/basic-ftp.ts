/** Downloads a file with basic-ftp and Kerberos. */
import { Client } from 'basic-ftp';
import { krb5Initiator } from 'rfc2228/krb5';
import { defaultCredentials, secureBasicFtp } from 'rfc2228/node';

const [host = 'localhost', port = '21', service = `ftp@${host}`] = process.argv.slice(2);
const credentials = defaultCredentials();

const client = new Client();
try {
  await client.connect(host, Number(port));
  const exchange = krb5Initiator({ credentials, service });
  const session = await secureBasicFtp(client, { mechanism: 'GSSAPI', exchange }); // AUTH, ADAT, PBSZ, PROT P
  await client.login(credentials.principal.name[0]); //                               ENC; then TYPE I
  await client.downloadTo('copy.txt', 'report.txt'); //                               blocks; a cut connection rejects
  console.log(session.facts['enctype'], session.protection); // 20 private
} finally {
  client.close();
}
