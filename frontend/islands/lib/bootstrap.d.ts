/** Bootstrap's parts one by one (its whole bundle is twice the script); the types are those of the whole. */

declare module "bootstrap/js/src/modal.js" {
  export { Modal as default } from "bootstrap";
}
declare module "bootstrap/js/src/offcanvas.js" {
  export { Offcanvas as default } from "bootstrap";
}
