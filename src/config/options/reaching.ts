import { addressRule, addressRuleForms } from '../../delivery/address-rule.ts'
import type { Option } from './kinds.ts'

const accepts = (text: string): boolean => addressRule(text) !== null

/** Which addresses callbacks may go to. */
export const reachingOptions = {
  allow: {
    type: 'list',
    name: 'allow',
    value: 'WHERE',
    commands: ['run'],
    default: [],
    otherwise: 'public and private addresses; not loopback, link-local, metadata, multicast, reserved',
    accepts,
    expected: addressRuleForms,
    help: 'Where callbacks may go although the class of the address forbids it: an address, a range (10.0.0.0/8), a host (crm.example, *.crm.example), each but the range also with :port. An allowed host may be at any address. Repeatable, or several separated by commas.',
  },
  deny: {
    type: 'list',
    name: 'deny',
    value: 'WHERE',
    commands: ['run'],
    default: [],
    otherwise: 'nothing more',
    accepts,
    expected: addressRuleForms,
    help: 'Where callbacks may never go, in the forms of --allow, which it overrules. A denied host can still be reached by another name: deny its address. Repeatable, or several separated by commas.',
  },
} as const satisfies Record<string, Option>
