/**
 * The form that asks for the token of the control port, when the service wants one.
 * It never keeps what was typed: it is handed on once and the field is emptied.
 */
import { dialog, element, setText } from './elements.js';

/** Somebody waits for a token. */
let isAsked = false;

/** @param {boolean} isWrong there was one, and it was refused @returns {Promise<string>} */
export function askForToken(isWrong) {
  const box = dialog('token-dialog');
  const field = /** @type {HTMLInputElement} */ (element('token'));
  setText('token-wrong', isWrong ? 'The service refused this token.' : '');
  field.ariaInvalid = String(isWrong);
  isAsked = true;
  return new Promise((resolve) => {
    const form = element('token-form');
    const onSubmit = (/** @type {Event} */ event) => {
      event.preventDefault();
      const token = field.value.trim();
      if (token === '') return;
      field.value = '';
      form.removeEventListener('submit', onSubmit);
      isAsked = false;
      box.close();
      resolve(token);
    };
    form.addEventListener('submit', onSubmit);
    if (!box.open) box.showModal();
    field.focus();
  });
}

/** Without a token there is nothing to see: Escape does not close the form for long. */
export function startTokenForm() {
  const box = dialog('token-dialog');
  box.addEventListener('cancel', (event) => event.preventDefault());
  // Browsers let the second Escape pass.
  box.addEventListener('close', () => {
    if (isAsked && !box.open) box.showModal();
  });
}
