export function findChromium(environment?: NodeJS.ProcessEnv): string | undefined;
export function installChromium(note: (text: string) => void): boolean;
export function chromiumAdvice(): string;
