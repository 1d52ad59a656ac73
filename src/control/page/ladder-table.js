/**
 * The ladder as it runs, as a table: each rung with its size, rate, bitrate, and why it is left out.
 * It never fetches. The rows are pure, so that they are tested without a page.
 */
import { element, fill, make, setText, write } from './elements.js';
import { bitrateText, UNKNOWN } from './formats.js';

/**
 * A rung as `ladder` of the API has it.
 * @typedef {object} RungFacts
 * @property {string} id
 * @property {'video' | 'audio'} kind
 * @property {string} codec
 * @property {number} [width]
 * @property {number} [height]
 * @property {number | string} [frameRate]
 * @property {number} [bitrateBps]
 * @property {number} [maxrateBps]
 * @property {string} [preset]
 * @property {string} [profile]
 * @property {boolean} isCopy
 * @property {boolean} isDropped
 * @property {string} [why]
 */
/** @typedef {{ ladder: string, rungs: readonly RungFacts[], arguments: readonly string[] | null }} Ladder */
/** @typedef {{ id: string, cells: string[], isDropped: boolean, why: string }} Row */

/** @param {RungFacts} rung @returns {Row} */
export function rowOf({ isCopy, isDropped, ...rung }) {
  const how = isCopy ? 'copied' : [rung.profile, rung.preset].filter(Boolean).join(' · ');
  return {
    id: rung.id,
    cells: [
      rung.id,
      rung.height === undefined ? (rung.kind === 'audio' ? 'sound' : UNKNOWN) : `${rung.width}×${rung.height}`,
      rung.frameRate === undefined ? UNKNOWN : `${rung.frameRate} fps`,
      rung.bitrateBps === undefined ? UNKNOWN : bitrateText(rung.bitrateBps),
      [rung.codec, how].filter(Boolean).join(' · '),
      isDropped ? 'left out' : isCopy ? 'copied' : 'runs',
    ],
    isDropped,
    why: isDropped ? (rung.why ?? '') : '',
  };
}

const NUMBERS = new Set([2, 3]);

/** @param {Row} row */
function buildRow(row) {
  const [head, ...rest] = row.cells.map((_text, index) => {
    const cell = make(index === 0 ? 'th' : 'td', NUMBERS.has(index) ? 'number' : '');
    if (index === 0) /** @type {HTMLTableCellElement} */ (cell).scope = 'row';
    return cell;
  });
  return make('tr', '', ...(head ? [head, ...rest] : []));
}

/** @param {HTMLElement} element @param {Row} row */
function updateRow(element, row) {
  element.classList.toggle('dropped', row.isDropped);
  row.cells.forEach((text, index) => {
    const cell = element.children[index];
    if (cell) write(cell, index === row.cells.length - 1 && row.why ? `${text}: ${row.why}` : text);
  });
}

/** @param {Ladder} ladder */
export function showLadder(ladder) {
  setText('ladder-name', ladder.ladder);
  fill(element('ladder-rows'), ladder.rungs.map(rowOf), ({ id }) => id, buildRow, updateRow);
  const line = (ladder.arguments ?? []).map((word) => (/[\s'"\\;&|]/.test(word) ? `'${word}'` : word)).join(' ');
  setText('encoder-arguments', line || 'No encoder runs.');
}

/** Of another channel: nothing is known yet. */
export function forgetLadder() {
  setText('ladder-name', '');
  setText('encoder-arguments', '');
  element('ladder-rows').replaceChildren();
}
