import { once } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ClientControl } from '../../src/node/index.js';
import { SocketStream } from '../../src/node/socket-stream.js';
import { PSK } from './exchanges.js';
import { onLoopback } from './sockets.js';

const OPTIONS = { ...PSK, exchange: PSK.initiator() };

describe('a stream over a socket', () => {
  it('has what clients ask a socket for', async () => {
    const [near, far] = await onLoopback();
    const control = new ClientControl(near, OPTIONS);
    for (const name of ['localAddress', 'localPort', 'remoteAddress', 'remotePort', 'remoteFamily'] as const) {
      expect(control[name]).toBe(near[name]);
      expect(control[name]).toBeDefined();
    }
    expect(control.setKeepAlive(true).setNoDelay(true).unref().ref()).toBe(control);
    far.end('abc');
    near.resume();
    await once(near, 'end');
    expect([control.bytesRead, control.bytesWritten]).toEqual([3, 0]);
    near.destroy();
  });

  it('emits the time-out of the socket', async () => {
    const [near, far] = await onLoopback();
    const control = new ClientControl(near, { ...OPTIONS, exchange: PSK.initiator() });
    control.on('error', () => {});
    const started = control.start().catch(() => {});
    await new Promise<void>(resolve => control.setTimeout(20, resolve));
    control.destroy();
    far.destroy();
    await started;
  });

  it('does without, over a stream that is no socket', () => {
    const control = new ClientControl(new PassThrough(), OPTIONS);
    expect(control.setTimeout(1).setKeepAlive().setNoDelay().unref().ref()).toBe(control);
    expect([control.bytesRead, control.bytesWritten, control.remoteAddress]).toEqual([0, 0, undefined]);
  });

  it('fails where octets wait to be sent when a connection that has ended closes', async () => {
    class Passing extends SocketStream {
      constructor(socket: Duplex) {
        super(socket, true);
        this.attach();
      }
      protected override received(): void {}
      protected override receivedEnd(): void {}
      override _write(octets: Uint8Array, _: BufferEncoding, done: () => void): void {
        this.send(octets, done);
      }
    }
    const far = new Duplex({ read() {}, write() {}, highWaterMark: 4, autoDestroy: false });
    const stream = new Passing(far);
    const failed = once(stream, 'error');
    stream.write('octets');
    far.push(null);
    await once(far, 'end');
    far.destroy();
    expect(await failed).toMatchObject([{ code: 'sequence/closed' }]);
  });
});
