/** Where Isthmus is. `baseUrl`: its pages, without a trailing slash; where the script came from by default.
 *  `apiBaseUrl`: its API; `baseUrl` by default. */
export interface Server {
  baseUrl?: string;
  apiBaseUrl?: string;
}

/** How a page is shown. `iframe` (default true): over this page; else in a window of `width` times `height`.
 *  `sameWindow`: instead of this page; then nothing is returned. */
export interface Display extends Server {
  iframe?: boolean;
  sameWindow?: boolean;
  width?: number;
  height?: number;
}

export interface AuthenticateOptions extends Display {
  /** The only product that can be connected. */
  integration?: string;
  /** The products to choose from. */
  integrations?: string[];
  noBack?: boolean;
  authFormat?: "api_key" | "oauth2" | "oauth2_client_credentials" | "oauth" | "keka_oauth" | (string & {});
  /** Leaves out the settings that follow a connection. */
  skipRapidForm?: boolean;
}

export interface RapidFormOptions extends Display {
  integration?: string;
  additionalContext?: Record<string, unknown>;
  /** Fields whose chosen values cannot be taken back, and why. */
  preventDeselect?: Record<string, { message: string }>;
  /** Fields that cannot be changed, and why. */
  disabledFields?: Record<string, { message: string }>;
}

export interface Connected {
  is_truto: true;
  result: "success";
  integration: string;
  integrated_account_id: string;
  redirect_uri?: string;
}

export type ErrorType =
  | "invalid_token"
  | "invalid_integration"
  | "connection_error"
  | "post_install_error"
  | "validation_error"
  | "rapid_form_error";

/** What a promise is rejected with; or with `"closed"`, or `"blocked"` where no window could be opened. */
export interface ConnectError extends Error {
  is_truto: true;
  result: "error";
  error: string;
  error_type: ErrorType;
  integration: string | null;
  integrated_account_id?: string;
}

export interface FilePickerConfig extends Server {
  /** JSONata over what was picked. */
  trutoExpression?: string;
  /** Adds to what was picked before. */
  truto_upsert_drive_items?: boolean;
  truto_preselect_drive_items?: boolean;
  [vendorOption: string]: unknown;
}

export declare function authenticate(linkToken: string, options?: AuthenticateOptions): Promise<Connected>;
export declare function rapidForm(integratedAccountToken: string, options?: RapidFormOptions): Promise<Connected>;
/** `undefined` for a name that has no picker. */
export declare function showFilePicker(
  integrationName: "sharepoint" | "onedrive" | "google" | "googledrive" | "box" | "dropbox" | "dropboxpersonal" | (string & {}),
  integratedAccountToken: string,
  config?: FilePickerConfig,
): Promise<unknown> | undefined;
export declare function useGoogleFilePicker(integratedAccountToken: string, config?: FilePickerConfig): Promise<unknown>;
export declare function useBoxFilePicker(integratedAccountToken: string, config?: FilePickerConfig): Promise<unknown>;
export declare function useDropboxFilePicker(integratedAccountToken: string, config?: FilePickerConfig): Promise<unknown>;
export default authenticate;
