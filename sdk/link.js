// The browser's side of Isthmus: connects an account, shows its settings, picks files from it.
//
//   import authenticate, { rapidForm, showFilePicker } from "https://isthmus.example.com/sdk/link.js";
//   const { integrated_account_id } = await authenticate(linkToken);
//
// Each function takes `baseUrl` (where people reach Isthmus; by default where this file came from) and
// `apiBaseUrl` (where the API is; by default `baseUrl`). License: Apache-2.0.

const HERE = new URL(import.meta.url);
const FROM_SERVER = HERE.pathname.endsWith("/sdk/link.js");
const WATCHED_EVERY = 100; // milliseconds
const TITLES = { connect: "Truto Connect", form: "Truto RapidForm" };
const CANCELLED = "User cancelled file selection";

/** Connects one account. Resolves with what the page says; rejects with "closed", "blocked" or an Error. */
export function authenticate(linkToken, options = {}) {
  const url = pageOf(options, "/connect-account", {
    link_token: linkToken,
    integration: options.integration,
    no_back: options.noBack && String(options.noBack),
    auth_format: options.authFormat,
    skip_rapid_form: options.skipRapidForm && "true",
    iframe: options.iframe !== false && !options.sameWindow && "true",
    integrations: options.integrations?.join(","),
  });
  return show(url, options, TITLES.connect);
}

/** Shows the settings of a connected account. Resolves and rejects as `authenticate` does. */
export function rapidForm(integratedAccountToken, options = {}) {
  const url = pageOf(options, "/connect-account/post-connect", {
    integrated_account_session_token: integratedAccountToken,
    integration: options.integration,
    iframe: options.iframe !== false && "true",
    truto_additional_context: json(options.additionalContext),
    truto_prevent_deselect: json(options.preventDeselect),
    truto_disabled_fields: json(options.disabledFields),
  });
  return show(url, options, TITLES.form);
}

/** Has a person pick files of a connected account, and keeps what was picked in its context. */
export function showFilePicker(integrationName, integratedAccountToken, config = {}) {
  return PICKERS[integrationName]?.(integratedAccountToken, config);
}

export default authenticate;

// ---- windows

function base(options) {
  const given = options.baseUrl ?? (FROM_SERVER ? HERE.href.slice(0, HERE.href.indexOf("/sdk/link.js")) : null);
  if (!given) throw new Error("baseUrl is needed: the address under which people reach Isthmus");
  return given.replace(/\/+$/, "");
}

function pageOf(options, path, parameters) {
  const url = new URL(base(options) + path);
  for (const [name, value] of Object.entries(parameters)) if (value) url.searchParams.append(name, value);
  return url;
}

const json = (value) => value && JSON.stringify(value);

function show(url, options, title) {
  if (options.sameWindow) {
    location.href = url.href;
    return undefined;
  }
  return options.iframe === false ? showWindow(url, options, title) : showFrame(url);
}

/** `heard`: called with each message of `source()` from the page's origin; gives what ends listening. */
function listen(url, source, heard) {
  const listener = (event) => {
    if (event.origin === url.origin && event.source === source() && event.data != null) heard(event.data);
  };
  addEventListener("message", listener);
  return () => removeEventListener("message", listener);
}

function settle(data, resolve, reject) {
  if (data === "closed") reject("closed");
  else if (data.error) reject(Object.assign(new Error(data.error), data));
  else resolve(data);
}

function showWindow(url, options, title) {
  return new Promise((resolve, reject) => {
    const features = `popup=yes,width=${options.width || 700},height=${options.height || 800}`;
    const child = window.open(url.href, title, features);
    if (!child) return reject("blocked");
    const done = (data) => {
      clearInterval(watcher);
      stop();
      if (!child.closed) child.close();
      settle(data, resolve, reject);
    };
    const stop = listen(url, () => child, done);
    const watcher = setInterval(() => child.closed && done("closed"), WATCHED_EVERY);
  });
}

function showFrame(url) {
  return new Promise((resolve, reject) => {
    const frame = document.createElement("iframe");
    frame.id = "truto-link-iframe";
    frame.title = "Connect an account";
    frame.src = url.href;
    Object.assign(frame.style, {
      position: "fixed", inset: "0", width: "100%", height: "100%", border: "none", zIndex: "2147483647",
      background: "rgba(0, 0, 0, 0.8)",
    });
    const stop = listen(url, () => frame.contentWindow, (data) => {
      if (data !== "closed" && !data.is_truto) return;
      stop();
      frame.remove();
      settle(data, resolve, reject);
    });
    document.body.append(frame);
    frame.focus();
  });
}

// ---- the account

async function account(token, config, context) {
  const sent = context && { method: "PATCH", body: JSON.stringify({ context }) };
  const answer = await fetch(`${(config.apiBaseUrl ?? base(config)).replace(/\/+$/, "")}/integrated-account/me`, {
    ...sent,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

const list = (value) => (Array.isArray(value) ? value : value == null ? [] : [value]);
const stored = (row) => list(row.context?.drive_items?.data ?? row.context?.drive_items);

/** By `id`; of several the last one counts (A13). */
function unique(items) {
  const found = new Map();
  for (const item of items) found.set(item?.id ?? Symbol("no id"), item);
  return [...found.values()];
}

async function keep(token, config, picked) {
  let items = unique(list(picked));
  if (config.trutoExpression) items = await evaluated(items, config.trutoExpression);
  const row = await account(token, config);
  const data = config.truto_upsert_drive_items === true ? unique([...stored(row), ...list(items)]) : items;
  await account(token, config, { ...row.context, drive_items: { truto_obj_store: true, data } });
  return items;
}

async function evaluated(items, expression) {
  if (!window.jsonata) await script(new URL("jsonata.js", HERE).href);
  return window.jsonata(expression).evaluate(items);
}

/** What is ours in a picker's options; the rest is the vendor's. */
const OURS = [
  "baseUrl", "apiBaseUrl", "trutoExpression", "truto_upsert_drive_items", "truto_preselect_drive_items",
];

function merged(defaults, config, joins = (before, after) => after) {
  const given = Object.fromEntries(Object.entries(config).filter(([name]) => !OURS.includes(name)));
  return merge(defaults, given, joins);
}

function merge(one, other, joins) {
  if (Array.isArray(one) && Array.isArray(other)) return joins(one, other);
  if (!isPlain(one) || !isPlain(other)) return other;
  const found = { ...one };
  for (const [name, value] of Object.entries(other)) {
    if (name !== "__proto__") found[name] = Object.hasOwn(found, name) ? merge(found[name], value, joins) : value;
  }
  return found;
}

const isPlain = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const joined = (before, after) => [...before, ...after];

function script(src, attributes = {}) {
  return new Promise((resolve, reject) => {
    const there = document.querySelector(`script[src="${src}"]`);
    if (there?.dataset.loaded) return resolve();
    const element = there ?? Object.assign(document.createElement("script"), { src, async: true });
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.addEventListener("load", () => resolve((element.dataset.loaded = "true")));
    element.addEventListener("error", () => reject(new Error(`${src} could not be loaded`)));
    if (!there) document.head.append(element);
  });
}

// ---- vendors' pickers

function microsoft(pageOfAccount, entry) {
  return async (token, config) => {
    const child = window.open("", "Picker", "width=1080,height=680"); // while the click still counts
    if (!child) throw "blocked";
    const row = await account(token, config).catch((error) => {
      child.close();
      throw error.message;
    });
    const preselect = config.truto_preselect_drive_items === true;
    const options = merged(
      {
        sdk: "8.0",
        ...entry,
        messaging: { channelId: crypto.randomUUID(), origin: location.origin },
        search: { enabled: true },
        typesAndSources: { mode: "all" },
        selection: {
          mode: "multiple",
          enablePersistence: true,
          enableNotifications: false,
          sourceItems: preselect ? stored(row) : [],
        },
        upload: { enabled: true },
        createFolder: { enabled: true },
      },
      config,
    );
    const query = new URLSearchParams({ filePicker: JSON.stringify(options), locale: "en-us" });
    const form = child.document.createElement("form");
    form.setAttribute("action", `${pageOfAccount(row.context ?? {})}?${query}`);
    form.setAttribute("method", "POST");
    child.document.body.append(form);
    form.submit();
    return commanded(child, options.messaging.channelId, (items) => keep(token, config, items));
  };
}

/** The vendor's protocol: the page opens a channel, and sends commands through it. */
function commanded(child, channelId, picked) {
  return new Promise((resolve, reject) => {
    const heard = (event) => {
      const { type, channelId: channel } = event.data ?? {};
      if (event.source !== child || type !== "initialize" || channel !== channelId) return;
      removeEventListener("message", heard);
      const [port] = event.ports;
      const answer = (id, data) => port.postMessage({ type: "result", id, data });
      port.addEventListener("message", async ({ data: { type, id, data: command } }) => {
        if (type !== "command") return;
        port.postMessage({ type: "acknowledge", id });
        if (command.command === "close") return child.close();
        if (command.command !== "pick") {
          const error = { code: "unsupportedCommand", message: command.command };
          answer(id, { result: "error", error, isExpected: true });
          return reject(`Unsupported command: ${JSON.stringify(command)}`);
        }
        try {
          const items = await picked(command.items);
          answer(id, { result: "success" });
          child.close();
          resolve(items);
        } catch (error) {
          answer(id, { result: "error", error: { code: "unknown", message: String(error) }, isExpected: false });
          reject(error);
        }
      });
      port.start();
      port.postMessage({ type: "activate" });
    };
    addEventListener("message", heard);
  });
}

const sharepoint = microsoft((context) => `${context.rootSiteUrl}/_layouts/15/FilePicker.aspx`, {});
const onedrive = microsoft(
  ({ accountType, rootUrl }) => rootUrl + (accountType === "personal" ? "/picker" : "/_layouts/15/FilePicker.aspx"),
  { entry: { oneDrive: {} } },
);

const SETTERS = {
  appId: "setAppId", developerKey: "setDeveloperKey", locale: "setLocale", maxItems: "setMaxItems",
  origin: "setOrigin", relayUrl: "setRelayUrl", document: "setDocument",
};
const VIEW_SETTERS = {
  includeFolders: "setIncludeFolders", selectFolderEnabled: "setSelectFolderEnabled",
  enableDrives: "setEnableDrives", parent: "setParent", query: "setQuery", mimeTypes: "setMimeTypes",
};

function set(target, setters, values) {
  for (const [name, setter] of Object.entries(setters)) if (values[name] !== undefined) target[setter](values[name]);
}

export async function useGoogleFilePicker(token, config = {}) {
  await script("https://apis.google.com/js/api.js");
  await script("https://accounts.google.com/gsi/client");
  await new Promise((resolve) => window.gapi.load("client:picker", resolve));
  await window.gapi.client.load("https://www.googleapis.com/discovery/v1/apis/drive/v3/rest");
  const row = await account(token, config).catch((error) => {
    throw error.message;
  });
  const { picker } = window.google;
  const options = merged(
    {
      title: "Select files",
      views: [
        { viewId: "DOCS", includeFolders: true, selectFolderEnabled: true },
        { enableDrives: true, includeFolders: true, selectFolderEnabled: true },
      ],
    },
    config,
  );
  const builder = new picker.PickerBuilder();
  builder.setOAuthToken(row.context?.oauth?.token?.access_token);
  const feature = (name) => picker.Feature[name] ?? name;
  if (options.enableFeature !== false) {
    for (const name of list(options.enableFeature ?? "MULTISELECT_ENABLED")) builder.enableFeature(feature(name));
  }
  for (const name of list(options.disableFeature)) builder.disableFeature(feature(name));
  if (options.title) builder.setTitle(options.title);
  else builder.hideTitleBar();
  set(builder, SETTERS, options);
  if (options.selectableMimeTypes !== undefined) {
    builder.setSelectableMimeTypes(list(options.selectableMimeTypes).join(","));
  }
  const { width, height } = options.size ?? {};
  if (width !== undefined && height !== undefined) builder.setSize(width, height);
  for (const each of list(options.views).filter(isPlain)) {
    const view = new picker.DocsView(...list(picker.ViewId[each.viewId]));
    set(view, VIEW_SETTERS, each);
    builder.addView(view);
  }
  return new Promise((resolve, reject) => {
    builder.setCallback(({ action, docs }) => {
      if (action === picker.Action.PICKED) keep(token, config, docs).then(resolve, reject);
      if (action === picker.Action.CANCEL) reject(new Error(CANCELLED));
    });
    builder.build().setVisible(true);
  });
}

const BOX = "https://cdn01.boxcdn.net/platform/elements/23.0.0/en-US/picker";

export async function useBoxFilePicker(token, config = {}) {
  if (!document.querySelector(`link[href="${BOX}.css"]`)) {
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: `${BOX}.css` }));
  }
  await script(`${BOX}.js`);
  const row = await account(token, config).catch((error) => {
    throw error.message;
  });
  const back = Object.assign(document.createElement("div"), { id: "truto-box-picker-container" });
  const front = Object.assign(document.createElement("div"), { id: "truto-box-picker" });
  Object.assign(back.style, {
    position: "fixed", inset: "0", display: "grid", placeItems: "center", zIndex: "9999",
    background: "rgba(0, 0, 0, 0.8)",
  });
  Object.assign(front.style, {
    position: "relative", width: "90%", height: "90%", overflow: "hidden", borderRadius: "8px", background: "white",
  });
  back.append(front);
  document.body.append(back);
  const options = merged(
    {
      container: "#truto-box-picker",
      autoFocus: true,
      defaultView: "files",
      sortBy: "name",
      sortDirection: "ASC",
      logoUrl: "box",
      maxSelectable: Infinity,
      canUpload: true,
      canSetShareAccess: true,
      canCreateNewFolder: true,
      extensions: [],
      size: "large",
    },
    config,
    joined,
  );
  const picker = new window.Box.FilePicker();
  const close = () => {
    picker.hide();
    back.remove();
  };
  return new Promise((resolve, reject) => {
    picker.addListener("choose", (items) => keep(token, config, items).finally(close).then(resolve, reject));
    picker.addListener("cancel", () => {
      close();
      reject(new Error(CANCELLED));
    });
    picker.show(row.context?.folderId ?? "0", row.context?.oauth?.token?.access_token, options);
  });
}

export async function useDropboxFilePicker(token, config = {}) {
  if (config.appKey === undefined) throw new Error("Dropbox app key is required");
  const attributes = { id: "dropboxjs", "data-app-key": config.appKey };
  await script("https://www.dropbox.com/static/api/2/dropins.js", attributes);
  if (!window.Dropbox.isBrowserSupported()) throw new Error("Dropbox Chooser is not supported in this browser");
  return new Promise((resolve, reject) => {
    const options = {
      success: (files) => keep(token, config, files).then(resolve, reject),
      cancel: () => reject(new Error(CANCELLED)),
      linkType: "preview",
      multiselect: true,
      folderselect: true,
    };
    window.Dropbox.choose(merged(options, config, joined));
  });
}

const PICKERS = {
  sharepoint,
  onedrive,
  google: useGoogleFilePicker,
  googledrive: useGoogleFilePicker,
  box: useBoxFilePicker,
  dropbox: useDropboxFilePicker,
  dropboxpersonal: useDropboxFilePicker,
};
