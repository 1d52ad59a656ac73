/**
 * Settings as plain data for a log line, a page or `--print`: the same shape, without secrets.
 * Invariant: no part of a secret leaves this function; only how many keys there are and their names.
 */
import type { Settings } from './model.ts';

/** JSON-ready; every secret is `***`. */
export function redactSettings(settings: Settings): object {
  return {
    ...settings,
    http: {
      ...settings.http,
      ...(settings.http.lock && {
        lock: { ...settings.http.lock, secrets: settings.http.lock.secrets.map(() => '***') },
      }),
    },
    control: { ...settings.control, token: settings.control.token && '***' },
    webhooks: settings.webhooks.map(({ url, events, secret }) => ({
      // Its path and query may be a secret.
      url: new URL(url).origin,
      events,
      secret: secret && '***',
    })),
    dataDirectory: settings.dataDirectory ?? 'none',
    channels: settings.channels.map((channel) => ({
      ...channel,
      ladder: channel.ladder.name,
      keys: channel.keys.map(({ name }) => ({ name, secret: '***' })),
    })),
  };
}
