"""What a client and a server of RFC 2228 share, over MIT's GSS-API library: protected lines and data blocks."""
import base64
import struct

import gssapi

KRB5 = gssapi.OID.from_int_seq('1.2.840.113554.1.2.2')
# As the FTP programs of MIT krb5 ask for: no strict order, since control and data connections share the numbers.
FLAGS = (
    gssapi.RequirementFlag.mutual_authentication
    | gssapi.RequirementFlag.replay_detection
    | gssapi.RequirementFlag.confidentiality
    | gssapi.RequirementFlag.integrity
)
LEVELS = {'safe': ('MIC', 631, 'S'), 'private': ('ENC', 632, 'P')}
SEALED = {'MIC': False, 'ENC': True, '631': False, '632': True}
TIMEOUT = 30  # seconds, for every wait


class Unverified(Exception):
    """What came is not what its line claims."""


def wrap(context, text, sealed):
    return context.wrap(text, sealed).message


def unwrap(context, token, sealed):
    opened = context.unwrap(token)
    if opened.encrypted != sealed:
        raise Unverified('sealed: %s, claimed: %s' % (opened.encrypted, sealed))
    return opened.message


def encode(token):
    return base64.b64encode(token)


def decode(text):
    return base64.b64decode(text, validate=True)


def read_line(stream):
    line = stream.readline(1 << 20)
    if not line.endswith(b'\r\n'):
        raise EOFError('the connection ended')
    return line[:-2]


def send_blocks(context, connection, octets, sealed, buffer_size):
    """RFC 2228 section 6: blocks, and the one that holds nothing."""
    size = context.get_wrap_size_limit(buffer_size, sealed)
    for start in [*range(0, len(octets), size), len(octets)]:
        token = wrap(context, octets[start:start + size], sealed)
        connection.sendall(struct.pack('>I', len(token)) + token)


def receive_blocks(context, stream, sealed, buffer_size):
    parts = []
    while True:
        length = struct.unpack('>I', exactly(stream, 4))[0]
        if not 0 < length <= buffer_size:
            raise Unverified('a block of %d octets' % length)
        part = unwrap(context, exactly(stream, length), sealed)
        if not part:
            if stream.read(1):
                raise Unverified('octets behind the last block')
            return b''.join(parts)
        parts.append(part)


def exactly(stream, length):
    octets = stream.read(length)
    if len(octets) < length:
        raise EOFError('the data connection ended before the last block')
    return octets
