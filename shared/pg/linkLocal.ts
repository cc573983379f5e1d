import { BlockList, isIP } from 'node:net';

/** Cloud metadata services answer there, with credentials. */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');
// The same IPv4 addresses through a gateway (NAT64), and in the form of old.
LINK_LOCAL.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6');
LINK_LOCAL.addSubnet('::a9fe:0', 112, 'ipv6');

/** Also of an IPv4 address in IPv6 clothes (::ffff:169.254.169.254): Node checks it as what it is. */
export function isLinkLocal(address: string): boolean {
  return LINK_LOCAL.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
