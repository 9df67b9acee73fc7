"""A client of RFC 2228 over MIT's GSS-API library.

  client.py HOST PORT SERVICE FORM LEVEL     SERVICE as "ftp@host"; FORM mit, heimdal or crlf: how a command ends; LEVEL safe or private

Standard input has a command on each line; "GET name file", "PUT file name" and "LIST" are transfers at the level PROT has
set, after EPSV. Each reply is a line of JSON on standard output: the command, the level, the code, the lines.
"""
import json
import socket
import sys

import gssapi

from gss_ftp import (FLAGS, KRB5, LEVELS, SEALED, TIMEOUT, Unverified, decode, encode, read_line, receive_blocks,
                     send_blocks, unwrap, wrap)

ENDS = {'mit': b'\0', 'heimdal': b'', 'crlf': b'\r\n'}
BUFFER_SIZE = 32_768


class Client:
    def __init__(self, host, port, service, form, level):
        self.connection = socket.create_connection((host, port), TIMEOUT)
        self.stream = self.connection.makefile('rb')
        self.end = ENDS[form]
        self.verb, self.code, _ = LEVELS[level]
        self.prot = 'C'
        self.context = gssapi.SecurityContext(
            name=gssapi.Name(service, gssapi.NameType.hostbased_service), mech=KRB5, flags=FLAGS, usage='initiate')

    def exchange(self):
        self.expect(220, self.clear_reply())
        self.expect(334, self.clear('AUTH GSSAPI'))
        token = self.context.step()
        line = self.expect(235, self.clear('ADAT ' + encode(token).decode()))[0]
        self.context.step(decode(line.partition('ADAT=')[2]))
        if not self.context.complete:
            raise Unverified('the exchange is not complete')

    def clear(self, command):
        self.connection.sendall(command.encode() + b'\r\n')
        return self.clear_reply()

    def clear_reply(self):
        lines = [read_line(self.stream).decode()]
        while lines[0][3:4] == '-' and not lines[-1].startswith(lines[0][:3] + ' '):
            lines.append(read_line(self.stream).decode())
        return int(lines[0][:3]), lines

    def send(self, command):
        token = wrap(self.context, command.encode() + self.end, SEALED[self.verb])
        self.connection.sendall(self.verb.encode() + b' ' + encode(token) + b'\r\n')

    def reply(self, command):
        """A token for each line, its CRLF inside, under one code: 63z- and in the end 63z."""
        text, last = b'', False
        while not last:
            line = read_line(self.stream)
            if int(line[:3]) != self.code:
                raise Unverified('a reply of another level: %r' % line[:4])
            text += unwrap(self.context, decode(line[4:]), SEALED[line[:3].decode()])
            last = line[3:4] == b' '
        if not text.endswith(b'\r\n'):
            raise Unverified('no CRLF at the end')
        lines = text[:-2].decode().split('\r\n')
        code = int(lines[-1][:3])
        print(json.dumps({'command': command, 'level': self.verb, 'code': code, 'lines': lines}), flush=True)
        return code, lines

    def command(self, command):
        self.send(command)
        code, lines = self.reply(command)
        if command.startswith('PROT ') and code == 200:
            self.prot = command[5:]
        return code, lines

    def expect(self, code, reply):
        if reply[0] != code:
            raise Unverified('%d instead of %d' % (reply[0], code))
        return reply[1]

    def transfer(self, command, work):
        port = self.expect(229, self.command('EPSV'))[0].split('|||')[1].rstrip('|).')
        data = socket.create_connection((self.connection.getpeername()[0], int(port)), TIMEOUT)
        self.send(command)
        with data, data.makefile('rb') as stream:
            if self.reply(command)[0] // 100 == 1:
                work(data, stream)
                data.close()
                stream.close()
                self.reply(command)

    def get(self, command, path):
        def receive(_, stream):
            sealed = self.prot == 'P'
            octets = stream.read() if self.prot == 'C' else receive_blocks(self.context, stream, sealed, BUFFER_SIZE)
            with open(path, 'wb') as file:
                file.write(octets)
        self.transfer(command, receive)

    def put(self, path, command):
        with open(path, 'rb') as file:
            octets = file.read()

        def send(connection, _):
            if self.prot == 'C':
                connection.sendall(octets)
            else:
                send_blocks(self.context, connection, octets, self.prot == 'P', BUFFER_SIZE)
        self.transfer(command, send)


def main(host, port, service, form, level):
    client = Client(host, int(port), service, form, level)
    client.exchange()
    client.expect(232, client.command('USER user'))
    client.expect(200, client.command('PBSZ %d' % BUFFER_SIZE))
    for line in sys.stdin:
        verb, *words = line.split()
        if verb == 'GET':
            client.get('RETR ' + words[0], words[1])
        elif verb == 'PUT':
            client.put(words[0], 'STOR ' + words[1])
        elif verb == 'LIST':
            client.get('LIST', words[0])
        else:
            client.command(line.rstrip('\n'))


main(*sys.argv[1:])
