/** Node has it as a global value; its types name the class in `node:util` alone. */
interface TextEncoder extends InstanceType<typeof import("node:util").TextEncoder> {}
