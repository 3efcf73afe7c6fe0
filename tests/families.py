"""Networks that stand for all of the catalog, where all would take minutes."""

# The smallest of each family; the others differ from it in numbers.
SMALLEST = {
    "alexnet",
    "convnexttiny",
    "depth-pooling",
    "densenet121",
    "efficientnet-lite0",
    "efficientnetb0",
    "efficientnetv2b0",
    "googlenet",
    "inceptionresnetv2",
    "inceptionv3",
    "lenet5",
    "mobilenet-0.25",
    "mobilenetv2-0.35",
    "mobilenetv3small",
    "nasnetmobile",
    "resnet20",
    "resnet50",
    "resnet50v2",
    "se-resnet18",
    "vgg16",
    "xception",
}
