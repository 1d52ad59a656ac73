/**
 * The door to node-media-server: its session and broadcast classes, with its process-wide singletons tamed.
 * It never calls the library's run(): that opens a store, takes the signals and ends the process on a listen error.
 * Invariant: the library writes nothing to stdout, which may show stream keys.
 */
import type AVPacket from 'node-media-server/src/core/avpacket.js';
import Context from 'node-media-server/src/core/context.js';
import logger from 'node-media-server/src/core/logger.js';
import RtmpSession from 'node-media-server/src/session/rtmp_session.js';

export type LibraryPacket = InstanceType<typeof AVPacket>;
export type LibrarySession = InstanceType<typeof RtmpSession>;
export type LibraryRtmp = LibrarySession['rtmp'];
export type LibraryMessage = LibraryRtmp['parserPacket'];
export type InvokeMessage = Parameters<LibraryRtmp['onConnect']>[0];

/** Silences the logger and empties the configuration. Call once, before the first session. */
export function tameLibrary(): void {
  logger.log = () => undefined;
  Context.config = {};
}

/** A library session around a socket, wired to nothing: the caller feeds it and overrides its callbacks. */
export function openSession(socket: ConstructorParameters<typeof RtmpSession>[0]): LibrarySession {
  const session = new RtmpSession(socket);
  // Each session brings a 1 MiB FLV parser that RTMP never uses: 200 idle peers would hold 200 MB.
  session.rtmp.flv.parserTagData = Buffer.alloc(0);
  session.rtmp.flv.parserTagCapacity = 0;
  return session;
}
