/**
 * The buttons that change something: each asks once in a dialog, then says what came of it.
 * It never acts without the dialog. Invariant: the focus goes back to the button; an error stays in the dialog until somebody has read it.
 */
import { button, dialog, element, setText, toast } from './elements.js';

/**
 * @typedef {object} Action
 * @property {(channel: string) => string} title
 * @property {string} text what it does to viewers
 * @property {string} go the button's word
 * @property {(channel: string) => string} path
 * @property {string} [option] a box that may be ticked: `applyNow`
 * @property {(channel: string, answer: Answer) => { text: string, isGood: boolean }} result
 */
/** @typedef {{ applies?: 'now' | 'next-publish', problems?: readonly string[] }} Answer */

const channelPath = (/** @type {string} */ what) => (/** @type {string} */ channel) =>
  `api/v1/channels/${encodeURIComponent(channel)}/${what}`;

/** @param {string} channel @param {Answer} answer */
function ladderResult(channel, { applies, problems = [] }) {
  if (problems.length > 0) return { isGood: false, text: `The ladder was not taken: ${problems.join('; ')}` };
  const when = applies === 'now' ? 'runs now' : 'is taken with the next publish';
  return { isGood: true, text: `The ladder of ${channel} was read and ${when}.` };
}

/** @type {Readonly<Record<string, Action>>} */
const ACTIONS = {
  'stop-publisher': {
    title: (channel) => `Stop the publisher of ${channel}?`,
    text: 'Its connection is closed and the channel goes to slate. An encoder that connects again by itself is let in again.',
    go: 'Stop publisher',
    path: channelPath('stop-publisher'),
    result: (channel) => ({ isGood: true, text: `The publisher of ${channel} was stopped.` }),
  },
  'restart-encoder': {
    title: (channel) => `Restart the encoder of ${channel}?`,
    text: 'The publisher stays connected. Viewers may see slate for a segment or two.',
    go: 'Restart encoder',
    path: channelPath('restart-encoder'),
    result: (channel) => ({ isGood: true, text: `The encoder of ${channel} was restarted.` }),
  },
  'reload-ladder': {
    title: (channel) => `Read the ladder of ${channel} again?`,
    text: 'The file is read and checked. It counts from the next publish on, unless it is to run now.',
    go: 'Reload ladder',
    path: channelPath('reload-ladder'),
    option: 'Run it now: restarts the encoder with it',
    result: ladderResult,
  },
  drain: {
    title: () => 'Drain this service?',
    text: '/readyz answers 503, so that load balancers send new viewers elsewhere. Everything goes on for who is here.',
    go: 'Drain',
    path: () => 'api/v1/service/drain',
    result: () => ({ isGood: true, text: 'The service is draining.' }),
  },
  undrain: {
    title: () => 'Take viewers again?',
    text: '/readyz says again what the channels say.',
    go: 'Undrain',
    path: () => 'api/v1/service/undrain',
    result: () => ({ isGood: true, text: 'The service takes viewers again.' }),
  },
};

const box = dialog('confirm-dialog');
const go = button('confirm-go');
const check = /** @type {HTMLInputElement} */ (element('confirm-check'));

/** @type {{ action: Action, channel: string } | undefined} */
let asked;

/** @param {string} text empty takes it away */
function showProblem(text) {
  element('confirm-result').hidden = text === '';
  setText('confirm-result', text);
}

/** @param {string} name @param {string} channel empty for the whole service */
function ask(name, channel) {
  const action = ACTIONS[name];
  if (action === undefined || box.open) return;
  asked = { action, channel };
  setText('confirm-title', action.title(channel));
  setText('confirm-text', action.text);
  setText('confirm-go', action.go);
  element('confirm-option').hidden = action.option === undefined;
  setText('confirm-check-text', action.option ?? '');
  check.checked = false;
  go.disabled = false;
  showProblem('');
  box.showModal();
  go.focus();
}

/** @param {(path: string, body: object) => Promise<unknown>} wish @param {() => void} onDone */
async function act(wish, onDone) {
  if (asked === undefined || go.disabled) return;
  const mine = asked;
  const { action, channel } = mine;
  go.disabled = true;
  showProblem('');
  try {
    const body = check.checked ? { applyNow: true } : {};
    const { text, isGood } = action.result(channel, /** @type {Answer} */ (await wish(action.path(channel), body)));
    if (isGood) {
      if (mine === asked) box.close();
      toast(text);
    } else showProblem(text);
    onDone();
  } catch (error) {
    showProblem(error instanceof Error ? error.message : String(error));
  }
  go.disabled = false;
  if (box.open) go.focus();
}

/**
 * @param {(path: string, body: object) => Promise<unknown>} wish
 * @param {() => string} channelNow
 * @param {() => void} onDone what is shown of the service may be another now
 */
export function startActions(wish, channelNow, onDone) {
  for (const one of document.querySelectorAll('button[data-action]')) {
    const target = /** @type {HTMLButtonElement} */ (one);
    target.addEventListener('click', () => ask(target.dataset['action'] ?? '', channelNow()));
  }
  element('confirm-form').addEventListener('submit', (event) => {
    event.preventDefault();
    void act(wish, onDone);
  });
  button('confirm-cancel').addEventListener('click', () => box.close());
  box.addEventListener('close', () => {
    asked = undefined;
  });
}
