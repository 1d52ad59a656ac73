/**
 * Every address the page shows, from where the page was opened and the service's ports.
 * It never touches the DOM. Invariant: the media address is absolute, since the origin is on another port of the same host.
 */

/**
 * @typedef {object} Addresses
 * @property {string} hls
 * @property {string} dash
 * @property {string} rtmpServer What OBS calls "Server".
 */

/**
 * @param {string} hostname `location.hostname`: IPv6 comes with its brackets.
 * @param {{ httpPort: number, rtmpPort: number }} service
 * @param {string} channel
 * @returns {Addresses}
 */
export function addressesOf(hostname, service, channel) {
  const base = `http://${hostname}:${service.httpPort}/live/${channel}`;
  return {
    hls: `${base}/master.m3u8`,
    dash: `${base}/manifest.mpd`,
    rtmpServer: `rtmp://${hostname}:${service.rtmpPort}/live`,
  };
}

/**
 * A line for a POSIX shell: any file, looped at its own rate, with a keyframe every 2 s.
 * @param {string} rtmpServer
 * @param {string} streamKey
 */
export function ffmpegLine(rtmpServer, streamKey) {
  return [
    'ffmpeg -re -stream_loop -1 -i match.mp4',
    '  -c:v libx264 -preset veryfast -b:v 5M',
    '  -maxrate 5M -bufsize 5M -pix_fmt yuv420p',
    '  -force_key_frames "expr:gte(t,n_forced*2)"',
    '  -c:a aac -b:a 160k -ar 48000 -f flv',
    `  "${rtmpServer}/${streamKey}"`,
  ].join(' \\\n');
}
