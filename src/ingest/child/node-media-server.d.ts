/**
 * The few shapes of node-media-server 4.4 that the gate touches; the library ships no types.
 * Written from its sources. Anything not named here is not used.
 */
declare module 'node-media-server/src/core/avpacket.js' {
  class AVPacket {
    codec_type: number;
    /** 0 audio header, 1 audio, 2 video header, 3 keyframe, 4 inter frame, 5 script, 6 passed on and kept nowhere. */
    flags: number;
    dts: number;
    pts: number;
    size: number;
    /** Longer than `size`; reused for the next message. */
    data: Buffer;
  }
  export = AVPacket;
}

declare module 'node-media-server/src/core/logger.js' {
  const logger: { log: (message: unknown, level?: string) => void };
  export = logger;
}

declare module 'node-media-server/src/core/context.js' {
  const Context: {
    config: object;
    broadcasts: Map<string, unknown>;
    sessions: Map<string, unknown>;
    networkStats: { inBytes: number; outBytes: number };
  };
  export = Context;
}

declare module 'node-media-server/src/server/broadcast_server.js' {
  class BroadcastServer {
    publisher: unknown;
    publishGraceMs: number;
    flvGopCache: Set<Buffer> | null;
    rtmpGopCache: Set<Buffer> | null;
    subscribers: Map<
      string,
      {
        readonly protocol: 'flv';
        readonly ip: '';
        sendBuffer(message: Buffer): void;
      }
    >;
    donePublish(session: unknown): void;
    _finishPublish(): void;
    broadcastMessage(packet: import('node-media-server/src/core/avpacket.js')): void;
  }
  export = BroadcastServer;
}

declare module 'node-media-server/src/session/rtmp_session.js' {
  interface RtmpPacket {
    header: {
      fmt: number;
      cid: number;
      timestamp: number;
      length: number;
      type: number;
      stream_id: number;
    };
    clock: number;
    payload: Buffer;
    capacity: number;
    bytes: number;
  }
  interface InvokeMessage {
    cmd?: unknown;
    transId?: unknown;
    cmdObj?: unknown;
    streamName?: unknown;
  }
  interface Rtmp {
    parserBuffer: Buffer;
    parserBasicBytes: number;
    parserPacket: RtmpPacket;
    inPackets: Map<number, RtmpPacket>;
    inChunkSize: number;
    ackSize?: number;
    handshakeState: number;
    streamApp?: string;
    streamName?: string;
    streamHost?: string;
    streamId?: number;
    streamQuery?: object;
    flv: { parserTagData: Buffer; parserTagCapacity: number };
    packetParse(): void;
    packetAlloc(): void;
    packetHandler(): void;
    chunkMessageHeaderRead(): number;
    controlHandler(): void;
    eventHandler(): void;
    onConnect(message: InvokeMessage): void;
    onCreateStream(message: InvokeMessage): void;
    onPublish(message: InvokeMessage): void;
    onPlay(message: InvokeMessage): void;
    onDeleteStream(message: InvokeMessage): void;
    respondPublish(): void;
    sendACK(bytes: number): void;
    sendStreamStatus(event: number, value: number): void;
    sendInvokeMessage(streamId: number, message: object): void;
    sendStatusMessage(streamId: number, level: string, code: string, description: string): void;
    onPacketCallback: (packet: import('node-media-server/src/core/avpacket.js')) => void;
    onOutputCallback: (bytes: Buffer) => void;
  }
  class RtmpSession {
    constructor(socket: import('node:net').Socket);
    readonly id: string;
    isPublisher: boolean;
    rtmp: Rtmp;
    broadcast: import('node-media-server/src/server/broadcast_server.js');
    /** Registers the broadcast of `/app/name`. */
    onConnect(request: { app: string; name: string; host: string; query: object }): void;
    onPush(): void;
    onData(data: Buffer): void;
  }
  export = RtmpSession;
}
