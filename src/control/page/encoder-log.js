/**
 * The tail of the encoder's log: follows it, stands still while somebody reads back or says so.
 * It never keeps more than the service sends (200 lines). Invariant: while it does not follow, nothing moves.
 */
import { button, element, make } from './elements.js';
import { clockText } from './formats.js';
import { gravityOf } from './words.js';

/** @typedef {{ atMs: number, text: string }} LogLine */

const NEAR_END_PX = 24;
const lines = element('log');
const follow = button('log-follow');
let isFollowing = true;
let shown = '';

/** @param {boolean} following */
function setFollowing(following) {
  isFollowing = following;
  follow.ariaPressed = String(following);
  follow.textContent = following ? 'Following' : 'Follow';
  if (following) lines.scrollTop = lines.scrollHeight;
}

export function toggleFollowing() {
  setFollowing(!isFollowing);
}

/** @param {readonly LogLine[]} log oldest first */
export function showLog(log) {
  const text = JSON.stringify(log);
  if (!isFollowing || text === shown) return;
  shown = text;
  lines.replaceChildren(
    ...log.map((one) => {
      const line = make('span', '', make('time', '', clockText(one.atMs)), ` ${one.text}\n`);
      line.dataset['gravity'] = gravityOf(one.text);
      return line;
    }),
  );
  if (log.length === 0) lines.append(make('span', 'quiet', 'Nothing was said yet.'));
  lines.scrollTop = lines.scrollHeight;
}

export function forgetLog() {
  shown = '';
  lines.replaceChildren();
  setFollowing(true);
}

export function startLog() {
  follow.addEventListener('click', toggleFollowing);
  lines.addEventListener('scroll', () => {
    const isAtEnd = lines.scrollHeight - lines.clientHeight - lines.scrollTop < NEAR_END_PX;
    if (isAtEnd !== isFollowing && (isAtEnd || lines.matches(':hover, :focus'))) setFollowing(isAtEnd);
  });
}
