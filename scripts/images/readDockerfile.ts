import { readFileSync } from 'node:fs';
import { Copy, DockerfileParser, From, Healthcheck } from 'dockerfile-ast';
import type { Instruction } from 'dockerfile-ast';

export interface ImageStep {
  /** `RUN`, `COPY`, … */
  keyword: string;
  /** What follows the keyword and its flags, as it is written, continuation lines joined. */
  text: string;
  /** COPY: what is copied, and where to. */
  sources: string[];
  destination: string;
  /** COPY --from: the stage. */
  from?: string;
  line: number;
}

export interface ImageStage {
  name: string;
  /** Image or stage that it begins with. */
  base: string;
  steps: ImageStep[];
}

export function readDockerfile(file: string): ImageStage[] {
  const stages: ImageStage[] = [];
  for (const instruction of DockerfileParser.parse(readFileSync(file, 'utf8')).getInstructions()) {
    if (instruction instanceof From) {
      const base = instruction.getImage() ?? '';
      stages.push({ name: instruction.getBuildStage() ?? '', base, steps: [] });
      continue;
    }
    stages.at(-1)?.steps.push(stepOf(instruction));
  }
  return stages;
}

function stepOf(instruction: Instruction): ImageStep {
  const words = instruction.getArguments().map((argument) => argument.getValue());
  const isCopy = instruction instanceof Copy;
  const from = isCopy ? instruction.getFromFlag()?.getValue() : undefined;
  return {
    keyword: instruction.getKeyword(),
    text:
      instruction instanceof Healthcheck
        ? instruction.getTextContent()
        : (instruction.getRawArgumentsContent() ?? '').replaceAll('\\\n', ''),
    sources: isCopy ? words.slice(0, -1) : [],
    destination: isCopy ? (words.at(-1) ?? '') : '',
    ...(from ? { from } : {}),
    line: instruction.getRange().start.line + 1,
  };
}
