/**
 * The states of a Channel as Markdown, from the table that the code runs by, for src/README.md.
 * It never reads or writes a file. Invariant: what is printed is the whole table.
 */
import { CHANNEL_EVENT_MEANINGS, CHANNEL_STATE_MEANINGS, CHANNEL_STATES, type ChannelEvent } from './channel-state.ts';

const BEGIN = '<!-- states: printed by npm run docs -->\n';
const END = '<!-- /states -->\n';

/** The README with the table between its markers. Throws RangeError when a marker is missing. */
export function withStateTable(readme: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new RangeError(`the markers ${BEGIN.trim()} and ${END.trim()} are missing`);
  return readme.slice(0, begin + BEGIN.length) + stateTable() + readme.slice(end);
}

function stateTable(): string {
  const states = Object.entries(CHANNEL_STATE_MEANINGS).map(([state, meaning]) => {
    const next = Object.entries(CHANNEL_STATES[state as keyof typeof CHANNEL_STATES]);
    const steps = next.map(([event, to]) => `${event} -> **${to}**`).join(', ');
    return `| **${state}** | ${meaning} | ${steps} |\n`;
  });
  const events = (Object.keys(CHANNEL_EVENT_MEANINGS) as ChannelEvent[]).map(
    (event) => `| ${event} | ${CHANNEL_EVENT_MEANINGS[event]} |\n`,
  );
  return [
    '| state | what it means | what may happen |\n|---|---|---|\n',
    ...states,
    '\n| event | when |\n|---|---|\n',
    ...events,
  ].join('');
}
