# The origin that edge.vcl asks, by its name in compose.yaml.
backend default {
  .host = "origin";
  .port = "8080";
  .max_connections = 2000;
  .connect_timeout = 1s;
}
