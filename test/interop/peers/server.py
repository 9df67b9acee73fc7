"""A server of RFC 2228 over MIT's GSS-API library, for one control connection after the other.

  server.py FOLDER FORM     FORM, of replies: mit      a token for each line without CRLF, 631- and in the end 631
                                              heimdal  a token for each line with CRLF, each in a reply "631 " of its own
                                              whole    one token, which ends in CRLF and NUL, as the older Globus library

As its model does, mit goes on with 631 after CCC, heimdal refuses CCC, and whole then replies in the clear. It serves the files of FOLDER, with the key from KRB5_KTNAME, and prints its port. Each command it gets is a line of JSON.
"""
import base64
import json
import os
import re
import socket
import sys
import time

import gssapi

from gss_ftp import SEALED, TIMEOUT, decode, encode, read_line, receive_blocks, send_blocks, unwrap, wrap

HELP = ['The following commands are recognized:', '  USER PWD CWD TYPE', '  LIST RETR STOR', 'That is all.']
PROT = {'C': None, 'S': False, 'P': True}


class Session:
    def __init__(self, connection, folder, form):
        self.connection, self.folder, self.form = connection, folder, form
        self.stream = connection.makefile('rb')
        self.context = None
        self.code = b'631'
        self.relaxed = False  # by CCC
        self.prot, self.buffer_size = None, 0
        self.text = True  # TYPE A
        self.rest = 0
        self.listener = None
        self.running = True

    def run(self):
        self.reply(220, 'Ready')
        while self.running:
            verb, argument = self.receive()
            handler = getattr(self, 'do_' + verb.lower(), None)
            if handler is None:
                self.reply(502, 'Not implemented')
            else:
                handler(argument)

    def receive(self):
        line, verb = read_line(self.stream), 'clear'
        if self.context is not None and not self.relaxed:
            verb, _, text = line.partition(b' ')
            verb = verb.decode().upper()
            self.code = b'632' if SEALED[verb] else b'631'
            line = unwrap(self.context, decode(text), SEALED[verb])
        print(json.dumps({'level': verb, 'text': line.decode()}), flush=True)
        verb, _, argument = line.rstrip(b'\r\n').decode().partition(' ')
        return verb, argument

    # Replies

    def reply(self, code, *texts):
        """Of several texts, those in the middle stand for whole lines, which need no code (RFC 959 section 4.2)."""
        first = ['%d-%s' % (code, texts[0])] if len(texts) > 1 else []
        lines = [line.encode() for line in [*first, *texts[1:-1], '%d %s' % (code, texts[-1])]]
        if self.context is None or (self.relaxed and self.form != 'mit'):
            self.connection.sendall(b''.join(line + b'\r\n' for line in lines))
        elif self.form == 'whole':
            self.protected(b''.join(line + b'\r\n' for line in lines) + b'\0', b' ')
        elif self.form == 'heimdal':
            for line in lines:
                self.protected(line + b'\r\n', b' ')
        else:
            for i, line in enumerate(lines):
                self.protected(line, b' ' if i == len(lines) - 1 else b'-')

    def protected(self, text, separator):
        token = wrap(self.context, text, SEALED[self.code.decode()])
        self.connection.sendall(self.code + separator + encode(token) + b'\r\n')

    # RFC 2228

    def do_auth(self, name):
        self.reply(*((334, 'Using GSSAPI') if name == 'GSSAPI' else (504, 'Unknown mechanism')))

    def do_adat(self, text):
        context = gssapi.SecurityContext(usage='accept')
        answer = context.step(base64.b64decode(text))
        self.reply(235, 'ADAT=' + encode(answer).decode())
        self.context = context

    def do_pbsz(self, size):
        self.buffer_size = min(int(size), 65_536)
        self.reply(200, 'PBSZ=%d' % self.buffer_size)

    def do_prot(self, letter):
        self.prot = PROT[letter]
        self.reply(200, 'Protection level set')

    def do_ccc(self, _):
        if self.form == 'heimdal':
            self.reply(534, 'Not here')
        else:
            self.reply(200, 'Commands in the clear')
            self.relaxed = True

    # RFC 959 and its younger ones

    def do_user(self, _):
        self.reply(232, 'Authorized by the security data exchange')

    def do_feat(self, _):
        self.reply(211, 'Features', ' EPSV', ' SIZE', ' MDTM', ' REST STREAM', 'End')

    def do_help(self, _):
        self.reply(214, *HELP)

    def do_pwd(self, _):
        self.reply(257, '"/" is the current directory')

    def do_cwd(self, path):
        self.reply(*((250, 'Done') if path == '/' else (550, 'No such directory')))

    def do_type(self, name):
        self.text = name == 'A'
        self.reply(200, 'Type set')

    def do_stru(self, _):
        self.reply(200, 'Set')

    do_opts = do_stru

    def do_rest(self, offset):
        self.rest = int(offset)
        self.reply(350, 'Restarting')

    def do_size(self, name):
        self.about(name, lambda status: str(status.st_size))

    def do_mdtm(self, name):
        self.about(name, lambda status: time.strftime('%Y%m%d%H%M%S', time.gmtime(status.st_mtime)))

    def about(self, name, describe):
        path = self.path(name)
        self.reply(*((213, describe(os.stat(path))) if os.path.isfile(path) else (550, 'No such file')))

    def do_quit(self, _):
        self.reply(221, 'Goodbye')
        self.running = False

    def do_epsv(self, _):
        self.listener = socket.create_server((self.connection.getsockname()[0], 0))
        self.listener.settimeout(TIMEOUT)
        self.reply(229, 'Entering extended passive mode (|||%d|)' % self.listener.getsockname()[1])

    def do_list(self, _):
        lines = []
        for name in sorted(os.listdir(self.folder)):
            status = os.stat(self.path(name))
            date = time.strftime('%b %d %Y', time.gmtime(status.st_mtime))
            lines.append('-rw-r--r-- 1 user group %d %s %s\r\n' % (status.st_size, date, name))
        self.send(''.join(lines).encode())

    def do_retr(self, name):
        if not os.path.isfile(self.path(name)):
            self.reply(550, 'No such file')
            return
        with open(self.path(name), 'rb') as file:
            file.seek(self.rest)
            self.rest = 0
            octets = file.read()
        self.send(octets.replace(b'\n', b'\r\n') if self.text else octets)

    def send(self, octets):
        with self.data() as connection:
            if self.prot is None:
                connection.sendall(octets)
            else:
                send_blocks(self.context, connection, octets, self.prot, self.buffer_size)
        self.reply(226, 'Transfer complete')

    def do_stor(self, name):
        with self.data() as connection, connection.makefile('rb') as stream:
            if self.prot is None:
                octets = stream.read()
            else:
                octets = receive_blocks(self.context, stream, self.prot, self.buffer_size)
        with open(self.path(name), 'wb') as file:
            file.write(octets.replace(b'\r\n', b'\n') if self.text else octets)
        self.reply(226, 'Transfer complete')

    def data(self):
        self.reply(150, 'Opening the data connection')
        connection, _ = self.listener.accept()
        self.listener.close()
        connection.settimeout(TIMEOUT)
        return connection

    def path(self, name):
        return os.path.join(self.folder, re.sub('.*/', '', name))


def main(folder, form):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            connection.settimeout(TIMEOUT)
            try:
                with connection:
                    Session(connection, folder, form).run()
            except (EOFError, OSError) as error:
                print(json.dumps({'level': 'end', 'text': str(error)}), flush=True)


main(*sys.argv[1:])
