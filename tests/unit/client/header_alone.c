// A public header, HEADER, with nothing before it, as C11.
#include HEADER

int main(void) {
    p2c2r_options options = {.size = sizeof options, .coordinator = "no address"};
    p2c2r_client *client = p2c2r_create(&options);
    p2c2r_destroy(&client);
    return client ? 1 : p2c2r_version()[0] == 0;
}
