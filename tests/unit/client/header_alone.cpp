// A public header, HEADER, with nothing before it, as C++17.
#include HEADER

int main() {
    p2c2r_options options{};
    options.size = sizeof options;
    options.coordinator = "no address";
    p2c2r_client *client = p2c2r_create(&options);
    p2c2r_result result{};
    p2c2r_release(client, &result);
    p2c2r_destroy(&client);
    return client != nullptr;
}
