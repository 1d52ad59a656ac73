/**
 * Who is to be told of what became ready in a Channel, by key (view.ts: onReady).
 * It never knows what a key names. Invariant: while events are carried out keys are only noted; they are told when all of it
 * is stored, so that whoever asks for a text then is promised what it names.
 */
export class ReadyKeys {
  readonly #listeners = new Set<(key: string) => void>();
  readonly #noted = new Set<string>();

  listen(listener: (key: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  note(key: string): void {
    this.#noted.add(key);
  }

  tellNoted(): void {
    const keys = [...this.#noted];
    this.#noted.clear();
    for (const key of keys) this.tell(key);
  }

  tell(key: string): void {
    for (const listener of this.#listeners) listener(key);
  }
}
