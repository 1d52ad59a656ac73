/** Every command, in the order of the overview. */
import { checkCommand } from './check.ts';
import type { Command } from './command.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { ladderCommand } from './ladder.ts';
import { planCommand } from './plan.ts';
import { pushCommand } from './push.ts';
import { serveCommand } from './serve.ts';
import type { Doors } from './service-door.ts';
import { swarmCommand } from './swarm.ts';

export function allCommands(doors: Doors): readonly Command[] {
  return [
    demoCommand(doors),
    serveCommand(doors),
    pushCommand(doors),
    checkCommand(doors),
    swarmCommand(doors),
    planCommand(doors),
    ladderCommand(doors),
    doctorCommand(doors),
  ];
}
