/* Copies a file with JGlobus: Transfer CERTIFICATE KEY SOURCE DESTINATION, of which one is a URL gsiftp://host:port/path. */
import java.io.File;
import java.net.URI;
import org.globus.ftp.DataChannelAuthentication;
import org.globus.ftp.GridFTPClient;
import org.globus.ftp.Session;
import org.globus.gsi.X509Credential;
import org.globus.gsi.gssapi.GlobusGSSCredentialImpl;
import org.ietf.jgss.GSSCredential;

public class Transfer {
  public static void main(String[] args) throws Exception {
    X509Credential credential = new X509Credential(args[0], args[1]);
    URI source = new URI(args[2]);
    URI destination = new URI(args[3]);
    boolean uploads = destination.getScheme().equals("gsiftp");
    URI remote = uploads ? destination : source;
    GridFTPClient client = new GridFTPClient(remote.getHost(), remote.getPort());
    client.authenticate(new GlobusGSSCredentialImpl(credential, GSSCredential.INITIATE_AND_ACCEPT));
    client.setType(Session.TYPE_IMAGE);
    client.setDataChannelAuthentication(DataChannelAuthentication.NONE);
    client.setPassiveMode(true);
    if (uploads) client.put(new File(source.getPath()), remote.getPath(), false);
    else client.get(remote.getPath(), new File(destination.getPath()));
    client.close();
  }
}
