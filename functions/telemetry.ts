import { app } from '@azure/functions';
import { runtime } from '../shared/state/runtime.ts';
import { startTelemetry, stopTelemetry } from '../shared/telemetry/telemetry.ts';

// Nobody waits for it; what is wrong with the settings is told by the first function that runs.
app.hook.appStart(() => {
  runtime()
    .then(({ settings }) => startTelemetry('pgmove-functions', settings.telemetry))
    .catch(() => undefined);
});

app.hook.appTerminate(() => stopTelemetry());
