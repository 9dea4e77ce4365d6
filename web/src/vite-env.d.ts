interface ImportMetaEnv {
  /** Where the function app is; see config.ts. */
  readonly VITE_API_URL?: string;
}
