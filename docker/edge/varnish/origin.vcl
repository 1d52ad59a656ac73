# The origin that edge.vcl asks. In compose origin.compose.vcl stands in its place. With several origins or shields make them
# backends of a director here, and set req.backend_hint in a vcl_recv of your own.
backend default {
  .host = "127.0.0.1";
  .port = "8080";
  .max_connections = 2000;
  .connect_timeout = 1s;
}
