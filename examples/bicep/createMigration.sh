#!/usr/bin/env bash
# Run by createMigration.bicep: PUT, then GET until the migration has ended (online: until it waits for
# its cutover). Everything comes by the environment; no secret is printed or in an argument.
set -euo pipefail

authorize() {
  if [ -n "${CLIENT_ID:-}" ]; then
    echo "authorization: Bearer $(az account get-access-token --resource "api://$CLIENT_ID" --query accessToken --output tsv)"
  else
    echo "x-functions-key: ${FUNCTION_KEY:-}"
  fi
}

# curl reads its header from a file, because arguments can be seen by others.
call() {
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused --header @<(authorize) "$@"
}

body=$(jq '.properties.secretParameters = {
  adminCredentials: { sourceServerPassword: env.SOURCE_PASSWORD, targetServerPassword: env.TARGET_PASSWORD },
  targetServerUsername: env.TARGET_USER }' <<<"$BODY")
call --request PUT --header 'content-type: application/json' --data-binary @- "$URL" <<<"$body" >/dev/null

while :; do
  answer=$(call --header 'prefer: wait=25' "$URL")
  state=$(jq --raw-output .properties.currentStatus.state <<<"$answer")
  step=$(jq --raw-output .properties.currentStatus.currentSubStateDetails.currentSubState <<<"$answer")
  echo "$state $step"
  case "$state/$step" in
    Succeeded/*) break ;;
    Failed/* | ValidationFailed/* | Canceled/*)
      jq '.properties.currentStatus' <<<"$answer" >&2
      exit 1
      ;;
    */WaitingForCutoverTrigger) break ;;
    WaitingForUserAction/*)
      echo "The migration waits for somebody: $step" >&2
      exit 1
      ;;
  esac
  sleep "${POLL_SECONDS:-5}"
done
jq '{ id, name, state: .properties.currentStatus.state, step: .properties.currentStatus.currentSubStateDetails.currentSubState }' <<<"$answer" >"${AZ_SCRIPTS_OUTPUT_PATH:-/dev/stdout}"
