/* Steer away from what is near; beams from the rightmost to the leftmost, wheels left and right. */
void decide(const float *range_m, int beams, float *wheels)
{
    float fear[2] = {0.0f, 0.0f}; /* of what stands on the right, and on the left */
    for (int b = 0; b < beams; b++) {
        float aside = 2.0f * b / (beams - 1) - 1.0f; /* -1: rightmost, 1: leftmost */
        float felt = (1.0f - range_m[b] / 2.0f) * (1.0f - 0.8f * aside * aside);
        if (felt > fear[aside > 0.0f])
            fear[aside > 0.0f] = felt;
    }
    wheels[0] = 0.8f - 1.6f * fear[0];
    wheels[1] = 0.8f - 1.6f * fear[1];
    if (wheels[0] < 0.25f && wheels[1] < 0.25f) { /* blocked: turn on the spot */
        wheels[0] = -0.25f;
        wheels[1] = -wheels[0];
    }
}
