import * as df from 'durable-functions';
import { callChild, isSince } from '../../../../orchestrators/steps/version.ts';

/*
 * One orchestrator in three releases: `old` as it was; `new` with another step before the others, which
 * old instances do not take; `careless` with that step for everybody.
 */
const release = process.env.FIXTURE_RELEASE ?? 'old';

function hasMore(context) {
  return release === 'careless' || (release === 'new' && isSince(context, '1.10'));
}

df.app.orchestration('versioned', function* (context) {
  const steps = [];
  if (hasMore(context)) steps.push(yield context.df.callActivity('recorded', 'more'));
  steps.push(yield context.df.callActivity('echo', 'first'));
  yield context.df.waitForExternalEvent('go');
  const child = `${context.df.instanceId}-child`;
  steps.push(yield callChild(context, 'versionedChild', { left: 2 }, child));
  return steps;
});

/** Starts anew before it ends: the version stays. */
df.app.orchestration('versionedChild', function* (context) {
  const { left } = context.df.getInput();
  if (left > 0) {
    context.df.continueAsNew({ left: left - 1 });
    return undefined;
  }
  const more = hasMore(context) ? yield context.df.callActivity('echo', 'more') : 'no more';
  return `${context.df.version}: ${more}`;
});
