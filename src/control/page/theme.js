/**
 * The toggle between dark, light and what the system says. `early-theme.js` applies it at the next start.
 */
import { announce, button } from './elements.js';
import { browserKeeper } from './kept.js';

const KEY = 'pitchside-theme';

function isDark() {
  const chosen = document.documentElement.dataset['theme'];
  return chosen === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : chosen === 'dark';
}

function label() {
  button('theme').ariaLabel = isDark() ? 'Change to the light theme' : 'Change to the dark theme';
  button('theme').title = button('theme').ariaLabel ?? '';
}

/** To the other one; where that is the system's, nothing is kept, so that the page follows the system again. */
export function toggleTheme() {
  const next = isDark() ? 'light' : 'dark';
  const isSystems = matchMedia(`(prefers-color-scheme: ${next})`).matches;
  if (isSystems) {
    delete document.documentElement.dataset['theme'];
    browserKeeper.set(KEY, undefined);
  } else {
    document.documentElement.dataset['theme'] = next;
    browserKeeper.set(KEY, next);
  }
  label();
  announce(`${next} theme`);
}

export function startTheme() {
  button('theme').addEventListener('click', toggleTheme);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', label);
  label();
}
