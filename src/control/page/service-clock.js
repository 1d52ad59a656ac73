/**
 * The service's clock as the page sees it. Pure: what was said and when it was heard.
 * What is heard has always been under way for a while, so the largest of the last differences is the nearest to the truth.
 */

const KEPT = 20;

export class ServiceClock {
  /** Service UTC minus the page's own clock, newest last. @type {number[]} */
  #offsetsMs = [];

  /** @param {number} saidMs UTC in the message @param {number} heardMs the page's clock */
  hear(saidMs, heardMs) {
    this.#offsetsMs = [...this.#offsetsMs, saidMs - heardMs].slice(-KEPT);
  }

  /** UTC of the service. @param {number} pageMs the page's clock */
  at(pageMs) {
    return pageMs + (this.#offsetsMs.length === 0 ? 0 : Math.max(...this.#offsetsMs));
  }
}
