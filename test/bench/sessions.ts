/** `npm run bench:sessions [CONNECTIONS] [MESSAGES]`: see README.md beside this file. */
import { manySessions } from '../session/many-sessions.js';

const [connections = 10_000, messages = 1_000_000] = process.argv.slice(2).map(Number);
const { secured, used, atEnd, median, hundredth, most, seconds } = manySessions(connections, messages);
const kib = (octets: number) => `${(octets / 1024).toFixed(2)} KiB`;
const microseconds = (time: number) => `${time.toFixed(0)} µs`;
console.log(`${connections} client and ${connections} server sessions with Kerberos contexts (enctype 18), ${messages} messages in ${seconds.toFixed(0)} s
memory of one session: ${kib(secured)} when secured, ${kib(used)} after half of the messages, ${kib(atEnd)} at the end
from command to reply: median ${microseconds(median)}, one in a hundred ${microseconds(hundredth)}, slowest ${microseconds(most)}`);
