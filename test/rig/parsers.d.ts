/** The parts of two untyped readers that the tests use. */
declare module 'm3u8-parser' {
  export class Parser {
    push(text: string): void;
    end(): void;
    readonly manifest: {
      readonly segments: readonly { readonly uri: string; readonly duration: number }[];
      readonly discontinuityStarts: readonly number[];
      readonly targetDuration: number;
    };
  }
}

declare module 'mpd-parser' {
  export function parse(
    text: string,
    options: { readonly manifestUri: string; readonly NOW: number },
  ): { readonly playlists: readonly { readonly segments: readonly { readonly uri: string }[] }[] };
}
