/** A machine where all is well, with what a test wants otherwise. */
import type { MachineFacts } from '../../src/cli/doctor/machine-facts.ts';

export function machineFacts(changes: Partial<MachineFacts> = {}): MachineFacts {
  return {
    nodeVersion: '20.20.0',
    ffmpeg: { kind: 'found', path: '/usr/bin/ffmpeg', version: '5.1.9', origin: 'PATH' },
    hardwareEncoders: [],
    hasVmaf: false,
    ports: [{ name: 'http', host: '0.0.0.0', port: 8080, fault: undefined }],
    clockSync: { synchronised: true, how: 'chronyc' },
    disk: { folder: '/var/lib', freeBytes: 50e9, writeBytesPerSecond: 400e6 },
    memoryBytes: 8e9,
    openFiles: 1_048_576,
    cores: 8,
    ...changes,
  };
}
