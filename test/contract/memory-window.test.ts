import { openMemoryJournal } from '../../src/window/memory-journal.ts';
import { openMemoryStore } from '../../src/window/memory-store.ts';
import { journalContract } from './journal.ts';
import { windowStoreContract } from './window-store.ts';

windowStoreContract('memory', openMemoryStore);
journalContract('memory', () => openMemoryJournal('incarnation'));
