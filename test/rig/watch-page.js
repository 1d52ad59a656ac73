/**
 * Runs in the browser: starts one player on one video element and counts what a viewer would notice.
 * It never judges. Invariant: counters start at 0 at each reset.
 */
/* global Hls, dashjs, shaka */
// @ts-nocheck: the players' bundles are globals of the page.
(() => {
  const video = document.querySelector('video');
  const canvas = new OffscreenCanvas(32, 18);
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  let counters;
  let player;
  let name;
  let analyser;
  let context;
  const errors = [];
  /** The service's own page, as players.ts serves it. */
  const PAGE = '/src/control/page';

  function reset() {
    const quality = video.getVideoPlaybackQuality();
    counters = { frames: 0, pictures: new Set(), energy: 0, waiting: 0, heights: new Set(), brightness: Number.NaN };
    counters.dropped = quality.droppedVideoFrames;
    counters.decoded = quality.totalVideoFrames;
  }

  function onFrame() {
    counters.frames += 1;
    if (counters.frames % 3 === 0) {
      pen.drawImage(video, 0, 0, 32, 18);
      let hash = 0;
      const pixels = pen.getImageData(0, 0, 32, 18).data;
      counters.brightness = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
      for (const value of pixels) hash = (hash * 31 + value) | 0;
      counters.pictures.add(hash);
      counters.heights.add(video.videoHeight);
      listen();
    }
    video.requestVideoFrameCallback(onFrame);
  }

  function listen() {
    if (analyser === undefined) return;
    if (context.state !== 'running') void context.resume();
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    counters.energy += samples.reduce((sum, sample) => sum + sample * sample, 0);
  }

  function openAudio() {
    context = new AudioContext();
    const source = context.createMediaElementSource(video);
    analyser = context.createAnalyser();
    const silent = context.createGain();
    silent.gain.value = 0;
    source.connect(analyser);
    analyser.connect(silent).connect(context.destination);
    void context.resume();
  }

  const START = {
    'hls.js'(url, config) {
      player = new Hls(config);
      player.on(Hls.Events.ERROR, (_, data) =>
        errors.push(`${data.fatal ? 'fatal ' : ''}${data.details} ${data.response?.code ?? ''}`),
      );
      player.loadSource(url);
      player.attachMedia(video);
    },
    'dash.js'(url, config) {
      player = dashjs.MediaPlayer().create();
      player.updateSettings(config);
      player.on('error', ({ error }) => errors.push(`${error.code} ${error.message}`));
      player.initialize(video, url, true);
    },
    async 'page-hls'(url) {
      const { startHls } = await import(`${PAGE}/hls-engine.js`);
      player = startHls(video, url, (problem) => errors.push(`fatal ${problem}`));
    },
    async 'page-dash'(url) {
      const { startDash } = await import(`${PAGE}/dash-engine.js`);
      player = startDash(video, url, (problem) => errors.push(`fatal ${problem}`));
    },
    async shaka(url, config) {
      shaka.polyfill.installAll();
      player = new shaka.Player();
      player.addEventListener('error', ({ detail }) =>
        errors.push(`shaka ${detail.severity} ${detail.code} ${detail.data}`),
      );
      await player.attach(video);
      player.configure(config);
      await player.load(url).catch((error) => errors.push(`shaka load ${error.code} ${error.data}`));
      // Loading pauses the element: play() before it is forgotten.
      await video.play();
    },
  };

  function latency() {
    if (name === 'hls.js') return player.latency;
    if (name === 'dash.js') return player.getCurrentLiveLatency();
    if (name.startsWith('page-')) return (player?.latencyMs(Date.now()) ?? Number.NaN) / 1000;
    const start = player.getPresentationStartTimeAsDate?.();
    return start === null || start === undefined
      ? Number.NaN
      : (Date.now() - start.getTime()) / 1000 - video.currentTime;
  }

  globalThis.watchPage = {
    start(which, url, config) {
      name = which;
      openAudio();
      reset();
      video.addEventListener('waiting', () => {
        if (!video.paused && counters.frames > 0) counters.waiting += 1;
      });
      video.requestVideoFrameCallback(onFrame);
      void (START[which] ?? START.shaka)(url, config);
      // dash.js starts by itself, and never asks for its MPD again when `play` came before it listened.
      if (which !== 'dash.js') video.play().catch(() => undefined);
    },
    reset,
    watched() {
      const quality = video.getVideoPlaybackQuality();
      return {
        frames: counters.frames,
        pictures: counters.pictures.size,
        brightness: counters.brightness,
        audioEnergy: counters.energy,
        waiting: counters.waiting,
        dropped: quality.droppedVideoFrames - counters.dropped,
        decoded: quality.totalVideoFrames - counters.decoded,
        heights: [...counters.heights],
        errors: errors.slice(0, 50),
        currentTime: video.currentTime,
        latencySeconds: latency(),
      };
    },
  };
})();
