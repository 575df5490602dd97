/** An address or host to listen on, and a port. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export const listenAddressForm = 'an address and a port, such as 127.0.0.1:9464, [::1]:9464 or 0.0.0.0:9464'

/** null: not an address. The host is required, since who can reach the port should be a choice. */
export function listenAddress(text: string): ListenAddress | null {
  const [, bracketed, plain, digits = ''] = text.match(/^(?:\[([\da-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  return host === undefined || port > 65_535 ? null : { host, port }
}

/** A host as written in a URL. */
export function hostText(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

export function addressText({ host, port }: ListenAddress): string {
  return `${hostText(host)}:${port}`
}
