#!/bin/sh
# azd deploys container apps; it has no host for a function app that is an image on a Premium plan. With
# PGMOVE_HOSTING=premium this hook of `azd deploy` (azure.yaml) does the same for it: an image with a tag of its own is
# built in the registry and named to the app, and the environment remembers it for the next `azd provision`.
set -eu

[ "${PGMOVE_HOSTING:-containerApps}" = premium ] || exit 0

if ! command -v az > /dev/null; then
  echo 'PGMOVE_HOSTING=premium needs the Azure CLI (az), logged in, beside azd.' >&2
  exit 1
fi

cd "$(dirname "$0")/.."
image="pgmove/functions:azd-deploy-$(date -u +%s)"

az acr build --subscription "$AZURE_SUBSCRIPTION_ID" --registry "${AZURE_CONTAINER_REGISTRY_ENDPOINT%%.*}" \
  --platform linux/amd64 --file Dockerfile --target functions --image "$image" .

az functionapp config container set --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" \
  --name "$SERVICE_FUNCTIONS_NAME" --image "$AZURE_CONTAINER_REGISTRY_ENDPOINT/$image" --output none

azd env set SERVICE_FUNCTIONS_IMAGE_NAME "$AZURE_CONTAINER_REGISTRY_ENDPOINT/$image" --environment "$AZURE_ENV_NAME"
