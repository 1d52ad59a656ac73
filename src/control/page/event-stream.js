/**
 * Reads `text/event-stream` (WHATWG HTML 9.2.6) from bytes that are cut anywhere. It never fetches: EventSource cannot send a token,
 * so the page reads the stream by fetch. Invariant: however the bytes are cut, the messages are the same.
 */

/**
 * @typedef {object} StreamMessage
 * @property {string} type `message` where the stream names none.
 * @property {string} data
 * @property {string} id The last id that was seen, what `Last-Event-ID` takes.
 */

/** Longer than any event of the service by far; a stream that never ends a line must not fill the memory. */
const MOST_CHARACTERS = 16_000_000;

export class EventStreamReader {
  #decoder = new TextDecoder();
  #rest = '';
  /** A CR was the last character: a LF that comes next belongs to it. */
  #afterCarriageReturn = false;
  /** @type {string[]} */
  #data = [];
  #dataLength = 0;
  #type = '';
  #id = '';

  /** Bytes in, whole messages out. Throws RangeError when one message does not end. @param {Uint8Array} bytes @returns {StreamMessage[]} */
  push(bytes) {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === '') return [];
    if (this.#afterCarriageReturn && text.startsWith('\n')) text = text.slice(1);
    this.#afterCarriageReturn = text.endsWith('\r');
    // 9.2.6: a line ends with CR LF, LF or CR.
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length + this.#dataLength > MOST_CHARACTERS) throw new RangeError('an event that does not end');
    return lines.flatMap((line) => this.#line(line));
  }

  /** @param {string} line @returns {StreamMessage[]} */
  #line(line) {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    // A line that begins with a colon is a comment.
    if (colon === 0) return [];
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') {
      this.#data.push(value);
      this.#dataLength += value.length;
    } else if (name === 'event') this.#type = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    return [];
  }

  /** @returns {StreamMessage[]} */
  #dispatch() {
    const [data, type] = [this.#data, this.#type];
    this.#data = [];
    this.#dataLength = 0;
    this.#type = '';
    // An event without data is none, but its id stays.
    return data.length === 0 ? [] : [{ type: type || 'message', data: data.join('\n'), id: this.#id }];
  }
}
