// One private endpoint, and the zone by which the public name leads to it from inside of the network.
param location string
param tags object
@description('Resource that is reached.')
param targetId string
@description('Part of the resource, as Private Link names it.')
param groupId string
param zoneName string
param subnetId string
param virtualNetworkId string

var targetName = last(split(targetId, '/'))

module zone 'br/public:avm/res/network/private-dns-zone:0.7.1' = {
  name: 'zone-${groupId}'
  params: {
    name: zoneName
    location: 'global'
    tags: tags
    virtualNetworkLinks: [{ virtualNetworkResourceId: virtualNetworkId, registrationEnabled: false }]
  }
}

module endpoint 'br/public:avm/res/network/private-endpoint:0.11.1' = {
  name: 'endpoint-${groupId}'
  params: {
    name: 'pep-${targetName}-${groupId}'
    location: location
    tags: tags
    subnetResourceId: subnetId
    privateLinkServiceConnections: [
      { name: groupId, properties: { privateLinkServiceId: targetId, groupIds: [groupId] } }
    ]
    privateDnsZoneGroup: {
      privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: zone.outputs.resourceId }]
    }
  }
}
