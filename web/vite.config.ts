// The two servers of this page. Both take the port whose origin local.settings.json.example allows, or none: on another
// port the browser would keep the page from the function app, and the reason would be hard to find.

import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const onTheAllowedOrigin = { host: "localhost", port: 5173, strictPort: true };

export default defineConfig({
  plugins: [react()],
  server: onTheAllowedOrigin,
  preview: onTheAllowedOrigin,
});
