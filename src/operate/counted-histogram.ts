import { Histogram, type HistogramConfiguration } from 'prom-client'

type Config = HistogramConfiguration<string> & { readonly buckets: number[] }

interface Series {
  /** Values in each bucket alone, not cumulative. The last bucket is above all bounds. */
  readonly counts: number[]
  sum: number
}

/**
 * A histogram with at most one label. It counts in arrays and makes its lines at the scrape: prom-client's `observe`
 * builds and hashes an object of labels at each call.
 */
export class CountedHistogram extends Histogram {
  readonly #config: Config
  readonly #bounds: readonly number[]
  readonly #label: string | undefined
  readonly #series = new Map<string, Series>()

  constructor(config: Config) {
    super(config)
    this.#config = config
    this.#bounds = config.buckets
    this.#label = config.labelNames?.[0]
    // A histogram without a label shows its zeros.
    if (this.#label === undefined) this.#add('')
  }

  /** @param label the label's value; '' where there is no label. */
  count(label: string, value: number): void {
    const series = this.#series.get(label) ?? this.#add(label)
    let bucket = 0
    while (value > (this.#bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
    series.sum += value
  }

  /** The registry calls this, and so does `get` of a histogram. */
  async getForPromString() {
    const { name, help } = this.#config
    const values = [...this.#series].flatMap(([label, series]) => this.#lines(label, series))
    return { name, help, type: 'histogram', values }
  }

  #add(label: string): Series {
    const series = { counts: new Array<number>(this.#bounds.length + 1).fill(0), sum: 0 }
    this.#series.set(label, series)
    return series
  }

  #lines(label: string, { counts, sum }: Series) {
    const { name } = this.#config
    const sharedLabels = this.#label === undefined ? {} : { [this.#label]: label }
    let upTo = 0
    const buckets = counts.map((count, bucket) => {
      upTo += count
      return { metricName: `${name}_bucket`, labels: { le: this.#bounds[bucket] ?? '+Inf' }, sharedLabels, value: upTo }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, sharedLabels, value: sum },
      { metricName: `${name}_count`, labels: {}, sharedLabels, value: upTo },
    ]
  }
}
