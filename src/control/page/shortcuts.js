/**
 * Shortcuts of one key, listed under "?". They can be switched off (WCAG 2.1.4) and never count while somebody types, chooses or is asked.
 * Invariant: nothing can be done by a key alone that has no button or link.
 */
import { button, dialog, element, make } from './elements.js';
import { browserKeeper } from './kept.js';

/** @typedef {{ key: string, text: string, run: () => void }} Shortcut */

const KEY = 'pitchside-shortcuts';

/** @param {KeyboardEvent} event */
function isMeant(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || event.repeat) return false;
  if (document.querySelector('dialog[open]') !== null) return false;
  const target = /** @type {HTMLElement} */ (event.target);
  return target.closest('input:not([type=radio]), select, textarea, [contenteditable]') === null;
}

/** @param {readonly Shortcut[]} shortcuts */
export function startShortcuts(shortcuts) {
  const isOn = /** @type {HTMLInputElement} */ (element('shortcuts-on'));
  isOn.checked = browserKeeper.get(KEY) !== 'off';
  isOn.addEventListener('change', () => browserKeeper.set(KEY, isOn.checked ? 'on' : 'off'));
  const help = { key: '?', text: 'this list', run: () => dialog('help-dialog').showModal() };
  const all = [...shortcuts, help];
  element('shortcut-list').append(
    ...all.flatMap(({ key, text }) => [make('dt', '', make('kbd', '', key)), make('dd', '', text)]),
  );
  button('help').addEventListener('click', help.run);
  document.addEventListener('keydown', (event) => {
    if (!isOn.checked || !isMeant(event)) return;
    const shortcut = all.find(({ key }) => key === event.key);
    if (shortcut === undefined) return;
    event.preventDefault();
    shortcut.run();
  });
}
