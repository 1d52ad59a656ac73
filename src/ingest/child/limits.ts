/**
 * Every bound of the gate in one object: what a stranger, and what an admitted publisher, may cost.
 * It never depends on the machine. The defaults let any encoder in and bound a hostile peer to some 100 kB.
 */

export interface RtmpLimits {
  /** Connections at once, in all and from one address (of IPv6: one /64). */
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Stream names being published to at once. */
  readonly maxNames: number;
  /** What one connection may send, sustained; a faster publisher is read more slowly. */
  readonly bytesPerSecond: number;
  /** What anybody may send before being let in; encoders need 5 kB. */
  readonly maxStrangerBytes: number;
  /** How long an address waits after its first wrong key, doubled by each further one; 0 is never. */
  readonly guessDelayMs: number;
  /** From accept to a complete handshake and `connect`. */
  readonly handshakeTimeoutMs: number;
  /** From accept to an admitted publish. */
  readonly publishTimeoutMs: number;
  /** Without a media tag while publishing. */
  readonly idleTimeoutMs: number;
  /** Commands, control and data messages. */
  readonly maxCommandBytes: number;
  /** One audio or video message of an admitted publisher. */
  readonly maxMediaBytes: number;
  /** All chunk streams of one connection together. */
  readonly maxAssemblyBytes: number;
  readonly maxChunkStreams: number;
  /** Replies not yet taken by the peer. */
  readonly maxOutputBytes: number;
  /** How long a full pipe to the service may hold a publisher. */
  readonly fullPipeMs: number;
  /** How long a refused peer may take to read why. */
  readonly refusalMs: number;
}

export const DEFAULT_RTMP_LIMITS: RtmpLimits = {
  maxConnections: 128,
  maxConnectionsPerAddress: 16,
  maxNames: 64,
  bytesPerSecond: 12_500_000,
  maxStrangerBytes: 256 * 1024,
  guessDelayMs: 100,
  handshakeTimeoutMs: 5_000,
  publishTimeoutMs: 10_000,
  idleTimeoutMs: 8_000,
  maxCommandBytes: 64 * 1024,
  maxMediaBytes: 8 * 1024 * 1024,
  maxAssemblyBytes: 24 * 1024 * 1024,
  maxChunkStreams: 16,
  maxOutputBytes: 256 * 1024,
  fullPipeMs: 5_000,
  refusalMs: 250,
};
