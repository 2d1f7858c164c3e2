/**
 * The script file: sets `window.allotment`, a client that is ready for use. A page that does not
 * set `window.allotmentConfig` names the registry and the intake on the script's own tag:
 * `<script src="…/allotment.js" data-registry="https://…" data-intake="https://…/v1/events">`.
 */
import { Client } from "./client.js";
import { DefaultIntegration, type Integration } from "./integration.js";
/** What `window.allotment` is. */
export interface Allotment extends Client {
    readonly DefaultIntegration: typeof DefaultIntegration;
    createClient(integration?: Integration): Client;
}
declare global {
    interface Window {
        allotment?: Allotment;
    }
}
