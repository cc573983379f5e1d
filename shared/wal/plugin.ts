/** What a stream is started with. */
export interface PluginOptions {
  /** Options of wal2json by name. */
  readonly options: Readonly<Record<string, string>>;
  /**
   * Whether NaN and the infinities of float and numeric columns come as null: wal2json before 2.6
   * cannot write them.
   */
  readonly isNullAmbiguous: boolean;
}
