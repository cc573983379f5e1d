/** Where the task hub is managed, and what a durable client binding gets to know of it. */

export interface HubAddress {
  /** Of the host, without a trailing slash. */
  readonly origin: string;
  /** Base of the loopback listener, with a trailing slash. */
  readonly rpcBaseUrl: string;
  readonly hubName: string;
  /** Key that the public URLs carry; undefined when none is needed. */
  readonly systemKey: string | undefined;
}

export const WEBHOOK_PATH = '/runtime/webhooks/durabletask';

function requiredQuery(address: HubAddress): string {
  const parameters = [`taskHub=${address.hubName}`, 'connection=Storage'];
  if (address.systemKey !== undefined) {
    parameters.push(`code=${encodeURIComponent(address.systemKey)}`);
  }
  return parameters.join('&');
}

export function managementUrls(address: HubAddress, id: string): Record<string, string> {
  const query = requiredQuery(address);
  // The placeholder of the binding stays as it is: the client replaces it.
  const instance = `${address.origin}${WEBHOOK_PATH}/instances/${id === PLACEHOLDER ? id : encodeURIComponent(id)}`;
  return {
    id,
    statusQueryGetUri: `${instance}?${query}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${query}`,
    terminatePostUri: `${instance}/terminate?reason={text}&${query}`,
    rewindPostUri: `${instance}/rewind?reason={text}&${query}`,
    purgeHistoryDeleteUri: `${instance}?${query}`,
    restartPostUri: `${instance}/restart?${query}`,
    suspendPostUri: `${instance}/suspend?reason={text}&${query}`,
    resumePostUri: `${instance}/resume?reason={text}&${query}`,
  };
}

const PLACEHOLDER = 'INSTANCEID';

/** JSON of the durableClient binding. */
export function clientBinding(address: HubAddress): string {
  const base = `${address.origin}${WEBHOOK_PATH}`;
  const query = requiredQuery(address);
  const create = `${base}/orchestrators/{functionName}[/{instanceId}]?`;
  const code =
    address.systemKey === undefined ? '' : `code=${encodeURIComponent(address.systemKey)}`;
  return JSON.stringify({
    taskHubName: address.hubName,
    creationUrls: {
      createNewInstancePostUri: create + code,
      createAndWaitOnNewInstancePostUri: `${create}timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&${code}`,
    },
    managementUrls: managementUrls(address, PLACEHOLDER),
    baseUrl: base,
    requiredQueryStringParameters: query,
    rpcBaseUrl: address.rpcBaseUrl,
  });
}
