/** Advisory locks of sessions and transactions, exclusive or shared. They are only tried: there is no queue. */
export class Locks {
  readonly #holders = new Map<string, Set<object>>()
  readonly #alone = new Map<string, object>()

  tryAlone(key: string, holder: object): boolean {
    const owner = this.#alone.get(key)
    if (owner === holder) return true
    const others = [...(this.#holders.get(key) ?? [])].some(each => each !== holder)
    if (owner !== undefined || others) return false
    this.#alone.set(key, holder)
    return true
  }

  tryShare(key: string, holder: object): boolean {
    const owner = this.#alone.get(key)
    if (owner !== undefined && owner !== holder) return false
    const holders = this.#holders.get(key) ?? new Set()
    this.#holders.set(key, holders.add(holder))
    return true
  }

  releaseShare(key: string, holder: object): void {
    this.#holders.get(key)?.delete(holder)
  }

  unlock(key: string, holder: object): boolean {
    if (this.#alone.get(key) !== holder) return false
    this.#alone.delete(key)
    return true
  }

  /** The end of the server. */
  clear(): void {
    this.#alone.clear()
    this.#holders.clear()
  }

  /** The end of a session or a transaction. */
  releaseAll(holder: object): void {
    for (const [key, owner] of this.#alone) if (owner === holder) this.#alone.delete(key)
    for (const holders of this.#holders.values()) holders.delete(holder)
  }
}
